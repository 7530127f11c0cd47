package causeway

import _ "embed"

// TemporalDevConfig is temporal-dev.yaml, the configuration of the Temporal server that causeway dev embeds. It lies at the root, where
// people look for it; go:embed can't reach upwards.
//
//go:embed temporal-dev.yaml
var TemporalDevConfig string
