// go-redis: GOPATH=/usr/share/gocode GO111MODULE=off go run client.go PORT
package main

import (
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"time"

	"gopkg.in/redis.v5"
)

func expect(what bool) {
	if !what {
		_, _, line, _ := runtime.Caller(1)
		fmt.Fprintf(os.Stderr, "not as expected, line %d\n", line)
		os.Exit(1)
	}
}

func main() {
	options := &redis.Options{Addr: "127.0.0.1:" + os.Args[1]}
	client := redis.NewClient(options)
	expect(client.FlushAll().Err() == nil)
	expect(client.Set("user:1", "Ada", time.Minute).Val() == "OK")
	expect(client.Get("user:1").Val() == "Ada" && client.Get("nobody").Err() == redis.Nil)
	expect(client.TTL("user:1").Val() > 50*time.Second)
	expect(client.IncrBy("n", 5).Val() == 5)
	expect(client.HMSet("h", map[string]string{"a": "1", "b": "2"}).Val() == "OK")
	expect(reflect.DeepEqual(client.HGetAll("h").Val(), map[string]string{"a": "1", "b": "2"}))
	expect(client.RPush("l", "a", "b").Val() == 2)
	expect(reflect.DeepEqual(client.LRange("l", 0, -1).Val(), []string{"a", "b"}))
	keys, cursor, err := client.Scan(0, "u*", 1000).Result()
	expect(err == nil && cursor == 0 && reflect.DeepEqual(keys, []string{"user:1"}))
	var pipelined *redis.IntCmd
	_, err = client.Pipelined(func(pipe *redis.Pipeline) error {
		pipe.Set("p", 1, 0)
		pipelined = pipe.Incr("p")
		return nil
	})
	expect(err == nil && pipelined.Val() == 2)
	var inside *redis.StringCmd
	_, err = client.TxPipelined(func(transaction *redis.Pipeline) error {
		transaction.Incr("p")
		inside = transaction.Get("p")
		return nil
	})
	expect(err == nil && inside.Val() == "3")
	expect(client.Watch(func(watched *redis.Tx) error {
		client.Set("p", "changed", 0)
		_, err := watched.Pipelined(func(transaction *redis.Pipeline) error {
			transaction.Set("p", "lost", 0)
			return nil
		})
		return err
	}, "p") == redis.TxFailedErr)
	expect(client.Get("p").Val() == "changed")
	expect(strings.HasPrefix(client.Get("h").Err().Error(), "WRONGTYPE"))
	news, err := client.Subscribe("news")
	expect(err == nil)
	// Subscribe does not wait for the answer.
	_, err = news.Receive()
	expect(err == nil)
	expect(client.Publish("news", "hello").Val() == 1)
	message, err := news.ReceiveMessage()
	expect(err == nil && message.Payload == "hello")
	fmt.Println("go-redis: all as expected")
}
