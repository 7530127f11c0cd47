package host

import (
	"log/slog"

	"github.com/causeway-dev/causeway/egress"
	"github.com/causeway-dev/causeway/providers"
	"github.com/causeway-dev/causeway/proxy"
	"github.com/causeway-dev/causeway/storage"
)

// Host is the real script.Host: it does what scripts of this worker ask for. It keeps nothing of a run; what a run has is in
// its *script.Run.
type Host struct {
	Store   *storage.Store
	Records *storage.Records
	Redis   *storage.Redis
	Logs    *storage.Logs
	Runs    Runs
	Catalog *providers.Catalog
	Calls   *proxy.Proxy   // calls to the APIs of connections
	Egress  *egress.Client // calls to addresses that a script names itself
	Logger  *slog.Logger   // the process log: ids only

	// ResponseBytes bounds the answer of a call that a script gets; PublicURL is where this installation is reached.
	ResponseBytes int
	PublicURL     string
}
