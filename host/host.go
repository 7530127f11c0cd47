package host

import (
	"log/slog"

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
	Logger  *slog.Logger // the process log: ids only
}
