package worker

import (
	"log"
	"strconv"
	"strings"
)

// switchSetting reads a variable that is 1 or 0, as internal/host/settings.mjs does. Where it is neither, the log tells, and fallback holds.
func switchSetting(env func(string) string, name string, fallback bool) bool {
	setting := env(name)
	switch strings.ToLower(setting) {
	case "":
		return fallback
	case "1", "true":
		return true
	case "0", "false":
		return false
	}
	log.Printf("%s is %q; it must be 1 or 0, so the default holds", name, setting)
	return fallback
}

// countSetting reads a variable that is a whole number above 0. Where it is none, the log tells, and fallback holds.
func countSetting(env func(string) string, name string, fallback int) int {
	setting := env(name)
	if setting == "" {
		return fallback
	}
	count, err := strconv.Atoi(setting)
	if err != nil || count < 1 {
		log.Printf("%s is %q; it must be a whole number above 0, so the default holds", name, setting)
		return fallback
	}
	return count
}
