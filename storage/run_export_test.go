package storage

// Statements, for tests that look at their plans or leave a lock out.
const (
	CreateRunSQL = createRunSQL
	ClaimRunSQL  = claimRunSQL
	CloseRunSQL  = closeRunSQL
	RetryRunSQL  = retryRunSQL
	FencedSQL    = fencedSQL
	LaneLockSQL  = laneLockSQL
	AdmitNextSQL = admitNextSQL
	OpenDueSQL   = openDueSQL
	OpenOneSQL   = openOneSQL
	MaxOpened    = maxOpened
)
