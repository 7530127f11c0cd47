package storage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

func linkKey(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "causeway:link:" + hex.EncodeToString(sum[:])
}

// PutLink keeps the token of a one-time link, as a hash, for ttl.
func (r *Redis) PutLink(ctx context.Context, token string, ttl time.Duration) error {
	if err := r.client.Set(ctx, linkKey(token), 1, ttl).Err(); err != nil {
		return fmt.Errorf("keep a one-time link: %w", err)
	}
	return nil
}

// SpendLink says whether the token is good, once.
func (r *Redis) SpendLink(ctx context.Context, token string) (bool, error) {
	n, err := r.client.Del(ctx, linkKey(token)).Result()
	if err != nil {
		return false, fmt.Errorf("spend a one-time link: %w", err)
	}
	return n == 1, nil
}

// CountCall counts a call of an account, and returns how many there were in this minute, with it, and when the next minute begins.
func (r *Redis) CountCall(ctx context.Context, accountID int64) (n int64, next time.Time, err error) {
	now := time.Now()
	minute := now.Unix() / 60
	key := "causeway:calls:{" + strconv.FormatInt(accountID, 10) + "}:" + strconv.FormatInt(minute, 10)
	var count *redis.IntCmd
	_, err = r.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		count = p.Incr(ctx, key)
		p.Expire(ctx, key, 2*time.Minute)
		return nil
	})
	if err != nil {
		return 0, now, fmt.Errorf("count a call of account %d: %w", accountID, err)
	}
	return count.Val(), time.Unix((minute+1)*60, 0), nil
}
