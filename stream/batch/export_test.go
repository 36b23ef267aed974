package batch

import "github.com/wearstream/wearstream/stream/recording"

// LookThrough has files looked through before they are read.
func (b *Batch) LookThrough() { b.open = recording.Open }
