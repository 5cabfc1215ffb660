// ioredis: node ioredis.js PORT
import assert from "node:assert/strict";
import Redis from "ioredis";

const port = Number(process.argv[2]);
const redis = new Redis({ port });
await redis.flushall();
assert.equal(await redis.set("user:1", "Ada", "EX", 60), "OK");
assert.equal(await redis.get("user:1"), "Ada");
assert.equal(await redis.get("nobody"), null);
const left = await redis.ttl("user:1");
assert(left > 50 && left <= 60);
assert.equal(await redis.incrby("n", 5), 5);
assert.deepEqual(await redis.mget("user:1", "nobody"), ["Ada", null]);
await redis.hset("h", { a: 1, b: 2 });
assert.deepEqual(await redis.hgetall("h"), { a: "1", b: "2" });
assert.deepEqual(await redis.getBuffer("user:1"), Buffer.from("Ada"));
await assert.rejects(redis.incr("user:1"), /ERR value is not an integer or out of range/);

// Pipelines and transactions.
const piped = await redis.pipeline().set("p", 1).incr("p").get("p").exec();
assert.deepEqual(piped, [[null, "OK"], [null, 2], [null, "2"]]);
assert.deepEqual(await redis.multi().set("p", 7).incr("p").exec(), [[null, "OK"], [null, 8]]);
await redis.watch("p");
await redis.duplicate().set("p", 0);
assert.equal(await redis.multi().incr("p").exec(), null);

// Messages.
const listens = redis.duplicate();
assert.equal(await listens.subscribe("news"), 1);
const heard = new Promise((resolve) => listens.on("message", (...message) => resolve(message)));
assert.equal(await redis.publish("news", "hello"), 1);
assert.deepEqual(await heard, ["news", "hello"]);

// A scan as a stream.
const keys = [];
for await (const found of redis.scanStream({ match: "u*" })) keys.push(...found);
assert.deepEqual(keys, ["user:1"]);
console.log("ioredis: all as expected");
process.exit(0);
