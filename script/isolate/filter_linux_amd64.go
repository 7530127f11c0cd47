package isolate

// allowedHere is what this architecture needs beside the common list.
var allowedHere = []string{"epoll_wait"}
