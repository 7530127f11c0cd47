package storage

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/redis/go-redis/v9"
)

// Away says whether err means that a database, Redis or the blob store can't be reached now, rather than that it refuses us: it may come.
func Away(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		// Starting up or shutting down, or no connection left.
		return strings.HasPrefix(e.Code, "08") || strings.HasPrefix(e.Code, "57P") || e.Code == "53300"
	}
	if e, ok := errors.AsType[redis.Error](err); ok {
		return strings.HasPrefix(e.Error(), "LOADING") // its data, at its start
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	for _, broken := range []error{context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNREFUSED, syscall.ECONNRESET} {
		if errors.Is(err, broken) {
			return true
		}
	}
	return false
}
