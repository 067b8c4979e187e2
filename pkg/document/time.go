package document

import (
	"encoding/json"
	"strconv"
	"time"
)

// gregorianEpoch is the Unix epoch in Gregorian seconds, the unit of Kazoo's
// timestamps: seconds since the year 0.
const gregorianEpoch = 62167219200

// Gregorian returns t in Gregorian seconds.
func Gregorian(t time.Time) int64 { return t.Unix() + gregorianEpoch }

// FromGregorian returns the time of Gregorian seconds, in UTC.
func FromGregorian(seconds int64) time.Time {
	return time.Unix(seconds-gregorianEpoch, 0).UTC()
}

// GregorianNumber returns t in Gregorian seconds as a document holds it.
func GregorianNumber(t time.Time) json.Number {
	return json.Number(strconv.FormatInt(Gregorian(t), 10))
}
