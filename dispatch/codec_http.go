package dispatch

import (
	"net/http"
	"strings"

	"go.temporal.io/sdk/converter"

	"github.com/causeway-dev/causeway/storage"
)

// CodecHandler is the endpoint that lets Temporal's UI decode payloads, for people who may. Whoever mounts it checks that. It never
// encodes: nobody but this process writes payloads.
func CodecHandler(keys *storage.Keyring) http.Handler {
	h := converter.NewPayloadCodecHTTPHandler(codec{keys})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/decode") {
			http.Error(w, "this endpoint only decodes", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}
