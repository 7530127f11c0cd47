package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/egress"
)

// retryableCodes are network failures after which a call may be made again. A name that isn't known is final.
var retryableCodes = map[string]bool{
	"ECONNRESET": true, "ETIMEDOUT": true, "ECONNABORTED": true, "ECONNREFUSED": true, "EHOSTUNREACH": true, "EAI_AGAIN": true, "UND_ERR_SOCKET": true,
}

// classify turns an error of a client into one of ours: a refusal of the policy, or a network failure with the code that the contract
// knows it by. The cause holds the URL, so it is for the process log only.
func classify(err error, hop int, call *Call) error {
	if egress.IsDenied(err) {
		if hop == 0 {
			return refusal(err, call)
		}
		return causeway.Errorf(http.StatusBadRequest, "proxy_redirect_to_denied_host", "%s", deniedText(err)).WithCause(err)
	}
	if e, ok := errors.AsType[*causeway.Error](err); ok {
		return e
	}
	return &NetworkError{Code: NetworkCode(err), Cause: err}
}

func deniedText(err error) string {
	if d, ok := errors.AsType[*egress.DeniedError](err); ok {
		return d.Error()
	}
	return "the egress policy refuses this address"
}

// NetworkCode is the code that scripts and clients know a network failure by.
func NetworkCode(err error) string {
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
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return "ETIMEDOUT"
	case errors.Is(err, context.Canceled):
		return "ECONNABORTED"
	}
	if code := tlsCode(err); code != "" {
		return code
	}
	if n, ok := errors.AsType[net.Error](err); ok && n.Timeout() {
		return "ETIMEDOUT"
	}
	if strings.Contains(err.Error(), "malformed HTTP") {
		return "EPROTO"
	}
	return "ECONNRESET" // the other side hung up: an end of file, a closed idle connection, a broken stream of HTTP/2
}

func tlsCode(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "ERR_TLS_CERT_ALTNAME_INVALID"
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if e.Reason == x509.Expired {
			return "CERT_HAS_EXPIRED"
		}
		return "CERT_UNTRUSTED"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "EPROTO"
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return "EPROTO"
	}
	return ""
}
