# redis-rb: ruby client.rb PORT
require "redis"

def expect(what) = what or raise("not as expected, line #{caller_locations(1, 1).first.lineno}")

redis = Redis.new(port: Integer(ARGV.fetch(0)))
redis.flushall
expect redis.set("user:1", "Ada", ex: 60) == "OK"
expect redis.get("user:1") == "Ada" && redis.get("nobody").nil?
expect redis.ttl("user:1") > 50
expect redis.incrby("n", 5) == 5
redis.mapped_hmset("h", "a" => 1, "b" => 2)
expect redis.hgetall("h") == { "a" => "1", "b" => "2" }
expect redis.rpush("l", %w[a b]) == 2 && redis.lrange("l", 0, -1) == %w[a b]
expect redis.scan_each(match: "u*").to_a == ["user:1"]
expect(redis.pipelined { |pipe| pipe.set("p", 1); pipe.incr("p") } == ["OK", 2])
expect(redis.multi { |transaction| transaction.incr("p"); transaction.get("p") } == [3, "3"])
begin
  redis.get("h")
  raise "a hash was read as a text"
rescue Redis::CommandError => error
  expect error.message.start_with?("WRONGTYPE")
end
heard = nil
listens = Redis.new(port: Integer(ARGV.fetch(0)))
listens.subscribe("news") do |on|
  on.subscribe { redis.publish("news", "hello") }
  on.message do |_, message|
    heard = message
    listens.unsubscribe("news")
  end
end
expect heard == "hello"
puts "redis-rb: all as expected"
