package providers

import (
	"strconv"
	"strings"
	"time"
)

// renderNow renders "now", "now:FORMAT", "now+7:days:FORMAT" and "now-1:hours:FORMAT"; false if it is none of them.
func renderNow(name string, now time.Time) (string, bool) {
	rest := strings.TrimPrefix(name, "now")
	at := now.UTC()
	if rest != "" && (rest[0] == '+' || rest[0] == '-') {
		amount, after, ok := strings.Cut(rest, ":")
		if !ok {
			return "", false
		}
		unit, format, _ := strings.Cut(after, ":")
		n, err := strconv.Atoi(amount)
		if err != nil {
			return "", false
		}
		if at, ok = shift(at, n, unit); !ok {
			return "", false
		}
		rest = ""
		if format != "" {
			rest = ":" + format
		}
	}
	if rest == "" {
		return at.Format("2006-01-02T15:04:05.000Z"), true
	}
	return formatMoment(at, rest[1:]), true
}

func shift(at time.Time, n int, unit string) (time.Time, bool) {
	switch strings.TrimSuffix(unit, "s") {
	case "millisecond", "m", "":
		return at.Add(time.Duration(n) * time.Millisecond), unit == "milliseconds" || unit == "millisecond" || unit == "ms"
	case "second":
		return at.Add(time.Duration(n) * time.Second), true
	case "minute":
		return at.Add(time.Duration(n) * time.Minute), true
	case "hour":
		return at.Add(time.Duration(n) * time.Hour), true
	case "day":
		return at.AddDate(0, 0, n), true
	case "week":
		return at.AddDate(0, 0, 7*n), true
	case "month":
		return at.AddDate(0, n, 0), true
	case "year":
		return at.AddDate(n, 0, 0), true
	}
	return at, false
}

// momentTokens are the tokens of the date formats, longest first, each with its layout for package time.
var momentTokens = []struct{ token, layout string }{
	{"YYYY", "2006"}, {"MMMM", "January"}, {"dddd", "Monday"}, {"MMM", "Jan"}, {"ddd", "Mon"}, {"SSS", "000"},
	{"YY", "06"}, {"MM", "01"}, {"DD", "02"}, {"HH", "15"}, {"hh", "03"}, {"mm", "04"}, {"ss", "05"}, {"ZZ", "-0700"},
	{"Z", "-07:00"}, {"A", "PM"}, {"M", "1"}, {"D", "2"},
}

func formatMoment(at time.Time, format string) string {
	var b strings.Builder
next:
	for len(format) > 0 {
		if format[0] == '[' {
			if end := strings.IndexByte(format, ']'); end > 0 {
				b.WriteString(format[1:end])
				format = format[end+1:]
				continue
			}
		}
		switch format[0] {
		case 'X':
			b.WriteString(strconv.FormatInt(at.Unix(), 10))
			format = format[1:]
			continue
		case 'x':
			b.WriteString(strconv.FormatInt(at.UnixMilli(), 10))
			format = format[1:]
			continue
		}
		for _, t := range momentTokens {
			if strings.HasPrefix(format, t.token) {
				if t.token == "SSS" { // package time formats fractions only behind a dot
					b.WriteString(at.Format(".000")[1:])
				} else {
					b.WriteString(at.Format(t.layout))
				}
				format = format[len(t.token):]
				continue next
			}
		}
		b.WriteByte(format[0])
		format = format[1:]
	}
	return b.String()
}
