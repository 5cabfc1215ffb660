"""redis-py: client.py PORT"""

import sys
import threading

import redis

port = int(sys.argv[1])
for protocol in (2, 3):
    r = redis.Redis(port=port, protocol=protocol, decode_responses=True)
    r.flushall()
    assert r.set("user:1", "Ada", ex=60, nx=True) and r.set("user:1", "Bob", nx=True) is None
    assert r.get("user:1") == "Ada" and r.get("nobody") is None
    assert 50 < r.ttl("user:1") <= 60
    assert r.incr("n", 5) == 5 and r.incrbyfloat("x", "1.5") == 1.5
    r.hset("h", mapping={"a": 1, "b": 2})
    assert r.hgetall("h") == {"a": "1", "b": "2"}
    assert r.rpush("l", "a", "b") == 2 and r.lrange("l", 0, -1) == ["a", "b"]
    assert sorted(r.scan_iter(match="*")) == ["h", "l", "n", "user:1", "x"]
    try:
        r.get("h")
        raise SystemExit("a hash was read as a text")
    except redis.ResponseError as error:
        assert str(error).startswith("WRONGTYPE"), error
    assert r.pipeline(transaction=False).set("p", 1).incr("p").execute() == [True, 2]
    assert r.transaction(lambda pipe: pipe.multi() or pipe.incr("p"), "p") == [3]
    with r.pipeline() as pipe:
        pipe.watch("p")
        r.set("p", 0)
        pipe.multi()
        pipe.incr("p")
        try:
            pipe.execute()
            raise SystemExit("what was watched had changed")
        except redis.WatchError:
            pass
    with r.pubsub() as listens:
        listens.subscribe("news")
        assert listens.get_message(timeout=10)["type"] == "subscribe"
        assert r.publish("news", "hello") == 1
        assert listens.get_message(timeout=10)["data"] == "hello"
    lock = r.lock("lock", timeout=10, thread_local=False)
    assert lock.acquire(blocking=False) and not r.lock("lock").acquire(blocking=False)
    threads = [threading.Thread(target=lambda: [r.incr("all") for _ in range(100)]) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert r.get("all") == "400"
print("redis-py: all as expected")
