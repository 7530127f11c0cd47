package causeway

import "time"

// The events in the life of a connection for which customers deploy functions.
const (
	EventConnectionCreated  = "post-connection-creation" // queued; how it ends changes nothing
	EventConnectionDeletion = "pre-connection-deletion"  // waited for; how it ends changes nothing
	EventConnectionValidate = "validate-connection"      // waited for; a failure rejects the connection
)

// CodeValidationFailed says that a function of EventConnectionValidate rejected a connection.
const CodeValidationFailed = "connection_validation_failed"

// How long an on-event function may wait for its start, and run.
const (
	EventStartWithin  = 30 * time.Second
	EventFinishWithin = 5 * time.Minute
)
