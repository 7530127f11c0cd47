// Package config is every setting of the platform as one typed tree: its YAML key, environment variable, default and
// documentation line. A setting comes from the first of: environment variable, the file an environment variable of the
// form …_FILE names, the YAML file, the default. Unknown keys, in the file or in the environment, are errors.
//
// It is not a bag of globals: Load returns one value, and main passes it on.
//
// Start reading with config.go (the tree) and load.go (where values come from).
package config
