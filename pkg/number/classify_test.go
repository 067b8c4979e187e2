package number

import "testing"

func TestClassify(t *testing.T) {
	for n, want := range map[string]string{
		"+14158867900": "did_us", "4158867900": "did_us", "+18005551212": "tollfree_us", "+18885551212": "tollfree_us", "+19005551212": "toll_us",
		"911": "emergency", "+18765551212": "caribbean", "+442071830750": "international", "2600": "unknown", "*97": "unknown",
	} {
		if got := Classify(n).Name; got != want {
			t.Errorf("%s is %s, want %s", n, got, want)
		}
	}
}
