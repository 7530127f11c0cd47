package providers

import "strings"

// parseNodes splits a text into literals, values and function calls. A function's argument ends at the first ")}" that
// belongs to it; placeholders inside are parsed first, so calls nest.
func parseNodes(text string) []node {
	nodes, _ := parseUntil(text, "")
	return nodes
}

// parseUntil parses up to the terminator and returns what follows it. Without the terminator the text is used up.
func parseUntil(text, terminator string) (nodes []node, rest string) {
	var plain strings.Builder
	flush := func() {
		if plain.Len() > 0 {
			nodes = append(nodes, literal(plain.String()))
			plain.Reset()
		}
	}
	for len(text) > 0 {
		if terminator != "" && strings.HasPrefix(text, terminator) {
			flush()
			return nodes, text[len(terminator):]
		}
		if !strings.HasPrefix(text, "${") {
			plain.WriteByte(text[0])
			text = text[1:]
			continue
		}
		n, after, ok := parsePlaceholder(text)
		if !ok {
			plain.WriteString("${")
			text = text[2:]
			continue
		}
		flush()
		nodes = append(nodes, n)
		text = after
	}
	flush()
	return nodes, ""
}

// parsePlaceholder parses a text that begins with "${".
func parsePlaceholder(text string) (n node, rest string, ok bool) {
	if name, argument, found := functionHead(text); found {
		args, after := parseUntil(argument, ")}")
		if len(after) == 0 && !strings.HasSuffix(text, ")}") {
			return nil, "", false
		}
		return &call{raw: text[:len(text)-len(after)], name: name, args: args}, after, true
	}
	end := strings.IndexByte(text, '}')
	if end < 0 {
		return nil, "", false
	}
	name := text[2:end]
	if name == "" || strings.Contains(name, "${") {
		return nil, "", false
	}
	return &value{raw: text[:end+1], name: name, path: strings.Split(name, ".")}, text[end+1:], true
}

// functionHead splits "${name(rest" for the functions that exist.
func functionHead(text string) (name, argument string, ok bool) {
	open := strings.IndexByte(text, '(')
	if open < 0 {
		return "", "", false
	}
	name = text[2:open]
	if _, exists := functions[name]; !exists {
		return "", "", false
	}
	return name, text[open+1:], true
}
