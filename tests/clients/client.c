/* hiredis: cc client.c -lhiredis -o client && ./client PORT */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(what)                                                                \
    do {                                                                            \
        if (!(what)) {                                                              \
            fprintf(stderr, "not as expected, line %d: %s\n", __LINE__, #what);     \
            exit(1);                                                                \
        }                                                                           \
    } while (0)

static int text(redisReply *reply, const char *expected) {
    int is = reply && reply->type != REDIS_REPLY_ERROR && reply->str && strcmp(reply->str, expected) == 0;
    freeReplyObject(reply);
    return is;
}

static int number(redisReply *reply, long long expected) {
    int is = reply && reply->type == REDIS_REPLY_INTEGER && reply->integer == expected;
    freeReplyObject(reply);
    return is;
}

int main(int argc, char **argv) {
    EXPECT(argc == 2);
    redisContext *redis = redisConnect("127.0.0.1", atoi(argv[1]));
    EXPECT(redis && !redis->err);
    EXPECT(text(redisCommand(redis, "FLUSHALL"), "OK"));
    EXPECT(text(redisCommand(redis, "SET %s %b EX 60", "user:1", "Ada", (size_t)3), "OK"));
    EXPECT(text(redisCommand(redis, "GET user:1"), "Ada"));
    EXPECT(number(redisCommand(redis, "INCRBY n 5"), 5));
    EXPECT(number(redisCommand(redis, "HSET h a 1 b 2"), 2));
    redisReply *reply = redisCommand(redis, "HMGET h a no b");
    EXPECT(reply->type == REDIS_REPLY_ARRAY && reply->elements == 3);
    EXPECT(strcmp(reply->element[0]->str, "1") == 0 && reply->element[1]->type == REDIS_REPLY_NIL);
    freeReplyObject(reply);
    reply = redisCommand(redis, "GET h");
    EXPECT(reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "WRONGTYPE", 9) == 0);
    freeReplyObject(reply);
    /* A thousand requests before the first reply is read. */
    for (int i = 0; i < 1000; i++) redisAppendCommand(redis, "INCR p");
    for (int i = 1; i <= 1000; i++) {
        EXPECT(redisGetReply(redis, (void **)&reply) == REDIS_OK);
        EXPECT(number(reply, i));
    }
    redisFree(redis);
    puts("hiredis: all as expected");
    return 0;
}
