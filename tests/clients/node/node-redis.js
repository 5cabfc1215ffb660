// node-redis: node node-redis.js PORT
import assert from "node:assert/strict";
import { createClient } from "redis";

const url = `redis://127.0.0.1:${process.argv[2]}`;
const redis = await createClient({ url, name: "test" }).connect();
await redis.flushAll();
assert.equal(await redis.set("user:1", "Ada", { EX: 60, NX: true }), "OK");
assert.equal(await redis.set("user:1", "Bob", { NX: true }), null);
assert.equal(await redis.get("user:1"), "Ada");
assert((await redis.ttl("user:1")) > 50);
assert.equal(await redis.incrByFloat("x", 1.5), "1.5");
await redis.hSet("h", { a: 1, b: 2 });
assert.deepEqual({ ...(await redis.hGetAll("h")) }, { a: "1", b: "2" });
assert.equal(await redis.lPush("l", ["a", "b"]), 2);
assert.deepEqual(await redis.lRange("l", 0, -1), ["b", "a"]);
assert.equal(await redis.clientGetName(), "test");
await assert.rejects(redis.get("h"), /WRONGTYPE/);

// What is asked for in one turn of the loop is pipelined.
assert.deepEqual(await Promise.all([redis.set("p", 1), redis.incr("p"), redis.get("p")]), ["OK", 2, "2"]);
assert.deepEqual(await redis.multi().set("p", 7).incr("p").exec(), ["OK", 8]);
await assert.rejects(
  redis.executeIsolated(async (alone) => {
    await alone.watch("p");
    await redis.set("p", 0);
    return alone.multi().incr("p").exec();
  }),
  /watch/i,
);

// Messages.
const listens = await redis.duplicate().connect();
const heard = new Promise((resolve) => listens.pSubscribe("n*", (...message) => resolve(message)));
await new Promise((resolve) => setTimeout(resolve, 0));
while ((await redis.publish("news", "hello")) === 0);
assert.deepEqual(await heard, ["hello", "news"]);

const keys = [];
for await (const key of redis.scanIterator({ MATCH: "u*" })) keys.push(key);
assert.deepEqual(keys, ["user:1"]);
console.log("node-redis: all as expected");
process.exit(0);
