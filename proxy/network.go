package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/egress"
)

// retryableCodes are network failures after which a call may be made again. A name that isn't known is final.
var retryableCodes = map[string]bool{
	"ECONNRESET": true, "ETIMEDOUT": true, "ECONNABORTED": true, "ECONNREFUSED": true, "EHOSTUNREACH": true, "EAI_AGAIN": true, "UND_ERR_SOCKET": true,
}

func asNetwork(err error) (*NetworkError, bool) { return errors.AsType[*NetworkError](err) }

// classify turns an error of a client into one of ours: a refusal of the policy, or a network failure with the code that the contract
// knows it by. The cause holds the URL, so it is for the process log only.
func classify(err error) error {
	if egress.IsDenied(err) {
		return causeway.Errorf(http.StatusBadRequest, "proxy_redirect_to_denied_host", "%s", deniedText(err)).WithCause(err)
	}
	if e, ok := errors.AsType[*causeway.Error](err); ok {
		return e
	}
	return &NetworkError{Code: networkCode(err), Cause: err}
}

func deniedText(err error) string {
	if d, ok := errors.AsType[*egress.DeniedError](err); ok {
		return d.Error()
	}
	return "the egress policy refuses this address"
}

func networkCode(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return "ENOTFOUND"
		}
		return "EAI_AGAIN"
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "ECONNREFUSED"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "ECONNRESET"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "EHOSTUNREACH"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "ETIMEDOUT"
	case errors.Is(err, context.Canceled):
		return "ECONNABORTED"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "UND_ERR_SOCKET"
	}
	if n, ok := errors.AsType[net.Error](err); ok && n.Timeout() {
		return "ETIMEDOUT"
	}
	return "UND_ERR_SOCKET"
}
