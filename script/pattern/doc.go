// Package pattern writes JavaScript's regular expressions in the form that the engine knows: \p{…} becomes a class of code points, and the
// flag v becomes u where the pattern needs no more. What can't be written that way is refused by its name, so that no pattern quietly
// matches something else than in Node.
//
// It knows nothing of the engine. Literals are rewritten when a bundle is lowered, the others when they are made.
//
// Start reading with Rewrite.
package pattern
