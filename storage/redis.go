package storage

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// Redis keeps what may be lost and is rebuilt: scripts' locks and the news that a run has ended. It uses commands of
// Redis 6 only, so Valkey serves too.
type Redis struct {
	client  *redis.Client
	acquire *redis.Script
	release *redis.Script
	freeAll *redis.Script
	owed    *owed
}

// OpenRedis connects to url (redis:// or rediss://). The password file, if any, is read again at each connect, so that a
// rotated password needs no restart.
func OpenRedis(ctx context.Context, url, passwordFile string) (*Redis, error) {
	opts, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("redis.url is no redis:// URL") // the cause would show the password
	}
	if passwordFile != "" {
		user := opts.Username
		opts.CredentialsProvider = func() (string, string) {
			raw, err := os.ReadFile(passwordFile)
			if err != nil {
				return user, "" // the server then refuses, and its answer is the error that people see
			}
			return user, strings.TrimSpace(string(raw))
		}
	}
	r := &Redis{
		client:  redis.NewClient(opts),
		acquire: redis.NewScript(acquireLua),
		release: redis.NewScript(releaseLua),
		freeAll: redis.NewScript(releaseAllLua),
		owed:    newOwed(),
	}
	if err := r.client.Ping(ctx).Err(); err != nil {
		_ = r.client.Close()
		return nil, fmt.Errorf("redis at %s does not answer: %w", opts.Addr, err)
	}
	paying, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.owed.stop = stop
	go r.payOwed(paying)
	return r, nil
}

// Close ends all connections.
func (r *Redis) Close() error {
	r.owed.stop()
	<-r.owed.done
	return r.client.Close()
}

// Ping says whether the server answers.
func (r *Redis) Ping(ctx context.Context) error { return r.client.Ping(ctx).Err() }

// A lock is a key that holds its owner. What an owner holds is a set beside it, so that the end of a run can free all; the
// braces keep the keys of one environment in one hash slot.
func lockKey(environmentID int64, key string) string {
	return "causeway:{" + strconv.FormatInt(environmentID, 10) + "}:lock:" + key
}

func ownerKey(environmentID int64, owner string) string {
	return "causeway:{" + strconv.FormatInt(environmentID, 10) + "}:locks:" + owner
}

// acquireLua takes a lock that is free or already ours; ARGV: owner, time to live in ms. The owner's set lives a day longer
// than any lock in it could be renewed without being added again.
const acquireLua = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SADD', KEYS[2], KEYS[1])
local ttl = redis.call('PTTL', KEYS[2])
local wanted = ARGV[2] + 86400000
if ttl < wanted then redis.call('PEXPIRE', KEYS[2], wanted) end
return 1`

const releaseLua = `
redis.call('SREM', KEYS[2], KEYS[1])
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`

const releaseAllLua = `
local n = 0
for _, key in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if redis.call('GET', key) == ARGV[1] then n = n + redis.call('DEL', key) end
end
redis.call('DEL', KEYS[1])
return n`

// AcquireLock takes the lock for owner, or renews it; false: somebody else holds it. It never waits.
func (r *Redis) AcquireLock(ctx context.Context, environmentID int64, key, owner string, ttl time.Duration) (bool, error) {
	n, err := r.acquire.Run(ctx, r.client, []string{lockKey(environmentID, key), ownerKey(environmentID, owner)}, owner, ttl.Milliseconds()).Int()
	if err != nil {
		return false, fmt.Errorf("acquire lock in environment %d: %w", environmentID, err)
	}
	return n == 1, nil
}

// ReleaseLock frees the lock if owner holds it, and says whether it did.
func (r *Redis) ReleaseLock(ctx context.Context, environmentID int64, key, owner string) (bool, error) {
	n, err := r.release.Run(ctx, r.client, []string{lockKey(environmentID, key), ownerKey(environmentID, owner)}, owner).Int()
	if err != nil {
		return false, fmt.Errorf("release lock in environment %d: %w", environmentID, err)
	}
	return n == 1, nil
}

// ReleaseAllLocks frees everything that owner holds, and says how many locks that were.
func (r *Redis) ReleaseAllLocks(ctx context.Context, environmentID int64, owner string) (int, error) {
	n, err := r.freeAll.Run(ctx, r.client, []string{ownerKey(environmentID, owner)}, owner).Int()
	if err != nil {
		return 0, fmt.Errorf("release all locks of a run in environment %d: %w", environmentID, err)
	}
	return n, nil
}

const endedChannel = "causeway:ended"

// PublishEnded tells other processes that a run has ended. Losing it costs its waiter a second.
func (r *Redis) PublishEnded(ctx context.Context, uid uuid.UUID) error {
	return r.client.Publish(ctx, endedChannel, uid[:]).Err()
}

// SubscribeEnded calls f for each run that any process says has ended, until ctx ends. It reconnects by itself.
func (r *Redis) SubscribeEnded(ctx context.Context, f func(uuid.UUID)) {
	sub := r.client.Subscribe(ctx, endedChannel)
	defer func() { _ = sub.Close() }()
	for {
		select {
		case <-ctx.Done():
			return
		case m, ok := <-sub.Channel():
			if !ok {
				return
			}
			if uid, err := uuid.FromBytes([]byte(m.Payload)); err == nil {
				f(uid)
			}
		}
	}
}
