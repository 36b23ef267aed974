package wire

import "time"

// Topic is one row of the table of topics: what is created, and what an existing
// topic is compared with.
type Topic struct {
	Name       string // without the cell's prefix
	Partitions int32
	Compact    bool          // cleanup by key instead of by age
	Retention  time.Duration // 0: for ever (or compacted)
	MaxBytes   int32         // largest record batch
	Carries    string        // one sentence for people
}

// Names of topics without the cell's prefix.
const (
	TopicDevice           = "device.v1"
	TopicFeatures         = "features.v1"
	TopicParticipants     = "participants.v1"
	TopicQuarantine       = "quarantine.v1"
	TopicStateDevice      = "state-device.v1"
	TopicStateParticipant = "state-participant.v1"
)

// DefaultPartitions of the device topic and its changelog; the number is fixed
// for the life of a cell, since it decides where a sensor's state lives.
const DefaultPartitions = 8

// FeaturesPartitions is the number of partitions of the features topic.
const FeaturesPartitions = 8

// ParticipantsPartitions is the number of partitions of the participants topic.
const ParticipantsPartitions = 8

const day = 24 * time.Hour

// Topics is the table of topics that this version creates. devicePartitions
// applies to the device topic and to what is co-partitioned with it.
func Topics(devicePartitions int32) []Topic {
	return []Topic{
		{TopicDevice, devicePartitions, false, 21 * day, 2 << 20, "all a device says, payload unchanged, and its control records; key: sensor; read again for the memory of devices and a week"},
		{TopicFeatures, FeaturesPartitions, false, 21 * day, 2 << 20, "Arrow rows of many devices of one partition and one commit, and ticks; partition by participant, or ~sensor while unassigned; read again for the memory of devices and a week"},
		{TopicParticipants, ParticipantsPartitions, false, 7 * day, 2 << 20, "Arrow rows of participants (pairs of wrists) and ticks; key: study"},
		{TopicQuarantine, devicePartitions, false, 90 * day, 2 << 20, "what could not be read: bytes and reason; key: thing"},
		{TopicStateDevice, devicePartitions, true, 0, 2 << 20, "changelog of the device operator, co-partitioned with device.v1"},
		{TopicStateParticipant, FeaturesPartitions, true, 0, 2 << 20, "changelog of the participant operator, co-partitioned with features.v1"},
	}
}

// TopicName is the full name of a topic: wear.<cell>.<name>.
func TopicName(cell, name string) string { return "wear." + cell + "." + name }
