package d1

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestParseCache(t *testing.T) {
	var cache parseCache
	for i := range 3 * maxParses {
		query := fmt.Sprintf("SELECT %d, ? WHERE ? > 1; DELETE FROM t", i)
		for range 2 {
			if got := cache.of(query); !reflect.DeepEqual(got, parse(query)) {
				t.Fatalf("%s: %v", query, got)
			}
		}
	}
	if len(cache.known) > maxParses {
		t.Errorf("%d texts are remembered", len(cache.known))
	}
	long := "SELECT '" + strings.Repeat("x", maxParseLength) + "'"
	if cache.of(long); cache.known[long] != nil {
		t.Error("a long text is remembered")
	}
}
