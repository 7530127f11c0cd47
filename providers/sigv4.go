package providers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// awsSigV4 computes the value of the Authorization header (AWS Signature Version 4) for the request whose facts the scope
// knows: awsSigV4(access key id, secret, region, service[, host]).
func awsSigV4(argument string, s *Scope) (string, bool) {
	parts := strings.Split(argument, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	if len(parts) < 4 || len(parts) > 5 || parts[0] == "" || parts[1] == "" {
		return "", false
	}
	id, secret, region, service := parts[0], parts[1], parts[2], parts[3]
	host := service + ".amazonaws.com"
	if len(parts) == 5 {
		host = parts[4]
	}
	fact := func(name string) string {
		v, _ := s.Get(name)
		return scalar(v, false)
	}
	moment, day := s.Now.UTC().Format("20060102T150405Z"), s.Now.UTC().Format("20060102")
	headers, signed := "host:"+host+"\nx-amz-date:"+moment+"\n", "host;x-amz-date"
	if ct := fact("contentType"); ct != "" {
		headers, signed = "content-type:"+ct+"\n"+headers, "content-type;"+signed
	}
	path := fact("path")
	if path == "" {
		path = "/"
	}
	body := sha256.Sum256([]byte(fact("bodyCanonicalParams")))
	canonical := strings.Join([]string{fact("method"), path, fact("urlCanonicalParams"), headers, signed, hex.EncodeToString(body[:])}, "\n")
	digest := sha256.Sum256([]byte(canonical))
	scope := day + "/" + region + "/" + service + "/aws4_request"
	toSign := "AWS4-HMAC-SHA256\n" + moment + "\n" + scope + "\n" + hex.EncodeToString(digest[:])
	key := []byte("AWS4" + secret)
	for _, step := range []string{day, region, service, "aws4_request"} {
		key = hmacSHA256(key, step)
	}
	return "AWS4-HMAC-SHA256 Credential=" + id + "/" + scope + ", SignedHeaders=" + signed +
		", Signature=" + hex.EncodeToString(hmacSHA256(key, toSign)), true
}

func hmacSHA256(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
