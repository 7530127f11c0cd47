// Package frame is the wire between a worker and one runner: frames with a fixed 16-byte header over a stream socket,
// and on top of them whole messages whose bodies travel in chunks under credit, so that a large body of one run holds up
// another run's message by one chunk at most.
//
// It knows which frames may follow which, and ends the connection with a *ViolationError when the peer does otherwise. It
// knows nothing of what the messages mean: that is package script/wire.
//
// Start reading with frame.go (the layout), then link.go (messages).
package frame
