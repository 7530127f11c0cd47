// Package nango holds the TypeScript declarations of what scripts can use: the modules 'nango' and 'causeway', and the globals. What
// they stand for at run time is in script/realm; a bundle needs nothing of it, since the definitions are inlined.
//
// Start reading with nango.d.ts.
package nango

import _ "embed" // for the declarations

// Declarations is the text of nango.d.ts.
//
//go:embed nango.d.ts
var Declarations string

// Globals is the text of globals.d.ts.
//
//go:embed globals.d.ts
var Globals string
