// Package dashboard holds what people see in a browser. For now that is one status page; the application grows here.
//
// Start reading with Status.
package dashboard

import (
	_ "embed"
	"html/template"
	"io"
)

//go:embed status.html
var statusHTML string

var status = template.Must(template.New("status").Parse(statusHTML))

// StatusPage is what the status page shows.
type StatusPage struct {
	Build       string
	APIURL      string
	TemporalURL string
	Environment string
	Parts       []Part
}

// Part is one part of the platform and how it does.
type Part struct {
	Name, State string
	OK          bool
}

// Status writes the status page.
func Status(w io.Writer, page StatusPage) error { return status.Execute(w, page) }
