package wire

// Header keys of a record in device.v1, quarantine.v1 and features.v1. Values
// are text unless said otherwise.
const (
	HeaderKind        = "kind"         // what the record is: one of Kind…
	HeaderThing       = "thing"        // who published it, by certificate
	HeaderVia         = "via"          // mqtt, bridge, import
	HeaderReceived    = "received"     // gateway's clock at receipt, microseconds since 1970, decimal
	HeaderFlags       = "flags"        // decimal; FlagImpossibleTime decided at receipt; absent: 0
	HeaderContentType = "content-type" // samples: ContentJSON, or absent: protobuf
	HeaderReason      = "reason"       // quarantine: one of Reason…
	HeaderSize        = "size"         // quarantine: bytes of the refused payload, decimal
	HeaderSHA256      = "sha256"       // quarantine: of the whole refused payload, hex
	HeaderTopic       = "topic"        // quarantine: the MQTT topic or the Kafka topic it came from
	HeaderSource      = "source"       // quarantine of a conflict, tick in features.v1: "<topic>/<partition>/<offset>" or "<topic>/<partition>"
	HeaderSchema      = "schema"       // Arrow batches: name of the row type (RowsWindows)
)

// ContentJSON is the content type of samples in JSON (HeaderContentType).
const ContentJSON = "application/json"

// Kinds of records (HeaderKind).
const (
	KindSamples    = "samples"    // SampleBatch, unchanged; HeaderContentType says in which form
	KindStatus     = "status"     // JSON, Status
	KindEvent      = "event"      // JSON, kept as sent
	KindTick       = "tick"       // JSON, Tick
	KindAssignment = "assignment" // JSON, Assignment
	KindRows       = "rows"       // Arrow IPC stream, HeaderSchema says which rows
)

// Reasons for which a publish is refused (counter label, HeaderReason).
const (
	ReasonTLS      = "tls"
	ReasonUnknown  = "unknown"
	ReasonPolicy   = "policy"
	ReasonParse    = "parse"
	ReasonShape    = "shape"
	ReasonRange    = "range"
	ReasonSensor   = "sensor"
	ReasonOversize = "oversize"
	ReasonPacket   = "packet"
	ReasonTime     = "time"
	ReasonConflict = "conflict"
)

// Flags of rows and batches (definitions, section 3).
const (
	FlagPartial        = 1
	FlagTooFew         = 2
	FlagWarmup         = 4
	FlagClipped        = 8
	FlagRateOff        = 16
	FlagClock          = 32
	FlagImpossibleTime = 64
)
