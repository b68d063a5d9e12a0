package bearer

import (
	"container/list"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// MaxBuckets is how many callers are counted apart at a time.
const MaxBuckets = 10_000

// Limiter bounds how many requests each caller sends in a minute: as many at once, and then one whenever a minute's share has passed.
// It counts at most MaxBuckets callers; the one that has asked for longest nothing is forgotten first, and only who has a valid
// token is counted. Of several hubs each counts alone.
type Limiter struct {
	mu      sync.Mutex
	buckets map[string]*list.Element // of *bucket
	recent  list.List                // the latest first
	most    int
}

type bucket struct {
	key     string
	limiter *rate.Limiter
}

// NewLimiter makes a limiter for at most so many callers at a time.
func NewLimiter(most int) *Limiter { return &Limiter{buckets: map[string]*list.Element{}, most: most} }

// Left is how a caller stands after a request.
type Left struct {
	OK        bool
	PerMinute int
	Requests  int           // that may follow at once
	Full      time.Duration // until it may send PerMinute at once again
	Wait      time.Duration // until it may ask again, when not OK
}

// Take counts a request.
func (l *Limiter) Take(key string, perMinute int, now time.Time) Left {
	l.mu.Lock()
	defer l.mu.Unlock()
	each := rate.Limit(float64(perMinute) / 60)
	b := l.bucket(key, each, perMinute)
	if b.limiter.Limit() != each { // it was configured anew
		b.limiter.SetLimitAt(now, each)
		b.limiter.SetBurstAt(now, perMinute)
	}
	out := Left{PerMinute: perMinute, OK: b.limiter.AllowN(now, 1)}
	has := b.limiter.TokensAt(now)
	out.Requests = max(0, int(math.Floor(has+1e-9)))
	out.Full = time.Duration((float64(perMinute) - has) / float64(each) * float64(time.Second))
	if !out.OK {
		out.Wait = time.Duration((1 - has) / float64(each) * float64(time.Second))
	}
	return out
}

func (l *Limiter) bucket(key string, each rate.Limit, burst int) *bucket {
	if e, ok := l.buckets[key]; ok {
		l.recent.MoveToFront(e)
		return e.Value.(*bucket)
	}
	if len(l.buckets) >= l.most {
		last := l.recent.Back()
		delete(l.buckets, last.Value.(*bucket).key)
		l.recent.Remove(last)
	}
	b := &bucket{key, rate.NewLimiter(each, burst)}
	l.buckets[key] = l.recent.PushFront(b)
	return b
}
