package wire

import (
	"os"
	"regexp"
	"strconv"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// schema is samplebatch.proto, written down a second time so that the message
// can be read by the protobuf library without generated code.
var schema = []struct {
	label, typ, name string
	number           int32
}{
	{"", "string", "sensor", fSensor},
	{"", "uint64", "boot", fBoot},
	{"", "uint64", "seq", fSeq},
	{"", "sfixed64", "t0_us", fT0},
	{"", "uint32", "rate_mhz", fRate},
	{"", "uint32", "nominal_rate_mhz", fNominal},
	{"", "Encoding", "encoding", fEncoding},
	{"", "uint32", "lsb_per_g", fLSB},
	{"", "uint32", "range_mg", fRange},
	{"", "uint32", "n", fN},
	{"", "bytes", "xyz", fXYZ},
	{"", "sfixed64", "temp_t0_us", fTempT0},
	{"", "uint32", "temp_rate_mhz", fTempRate},
	{"repeated", "sint32", "temp_mdegc", fTemp},
	{"optional", "uint64", "prev_boot_last_seq", fPrevBoot},
	{"optional", "uint64", "oldest_seq_held", fOldest},
	{"optional", "uint32", "battery_pct", fBattery},
	{"optional", "bool", "charging", fCharging},
	{"optional", "uint64", "ticks_us", fTicks},
	{"optional", "uint32", "backlog", fBacklog},
}

var encodings = map[string]Encoding{
	"UNKNOWN": EncodingUnknown, "INT16_COUNTS": Int16Counts, "INT32_MICRO_G": Int32MicroG,
}

// TestProtoText: the published .proto says the same as schema.
func TestProtoText(t *testing.T) {
	text, err := os.ReadFile("samplebatch.proto")
	if err != nil {
		t.Fatal(err)
	}
	fields := regexp.MustCompile(`(?m)^  (?:(optional|repeated) +)?(\w+) +(\w+) = (\d+);`).FindAllSubmatch(text, -1)
	if len(fields) != len(schema) {
		t.Errorf("%d fields in the text, %d in the schema", len(fields), len(schema))
	}
	for i, f := range fields {
		number, _ := strconv.Atoi(string(f[4]))
		s := schema[i]
		if string(f[1]) != s.label || string(f[2]) != s.typ || string(f[3]) != s.name || int32(number) != s.number {
			t.Errorf("the text has %q, the schema %v", f[0], s)
		}
	}
	values := regexp.MustCompile(`(?m)^  ([A-Z]\w+) = (\d+);`).FindAllSubmatch(text, -1)
	if len(values) != len(encodings) {
		t.Errorf("%d encodings in the text, want %d", len(values), len(encodings))
	}
	for _, v := range values {
		number, _ := strconv.Atoi(string(v[2]))
		if e, ok := encodings[string(v[1])]; !ok || e != Encoding(number) {
			t.Errorf("the text has %q, the code %v", v[0], encodings)
		}
	}
}

// descriptor is the message as the protobuf library knows it.
var descriptor = func() protoreflect.MessageDescriptor {
	enum := &descriptorpb.EnumDescriptorProto{Name: proto.String("Encoding")}
	for _, name := range []string{"UNKNOWN", "INT16_COUNTS", "INT32_MICRO_G"} {
		enum.Value = append(enum.Value, &descriptorpb.EnumValueDescriptorProto{
			Name: proto.String(name), Number: proto.Int32(int32(encodings[name])),
		})
	}
	message := &descriptorpb.DescriptorProto{Name: proto.String("SampleBatch")}
	for _, s := range schema {
		f := &descriptorpb.FieldDescriptorProto{
			Name: proto.String(s.name), JsonName: proto.String(s.name), Number: proto.Int32(s.number),
			Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		}
		switch s.label {
		case "repeated":
			f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		case "optional": // proto3 spells presence as a oneof of one
			f.Proto3Optional = proto.Bool(true)
			f.OneofIndex = proto.Int32(int32(len(message.OneofDecl)))
			message.OneofDecl = append(message.OneofDecl, &descriptorpb.OneofDescriptorProto{Name: proto.String("_" + s.name)})
		}
		if s.typ == "Encoding" {
			f.Type, f.TypeName = descriptorpb.FieldDescriptorProto_TYPE_ENUM.Enum(), proto.String(".wearstream.v1.Encoding")
		} else {
			f.Type = scalars[s.typ].Enum()
		}
		message.Field = append(message.Field, f)
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("samplebatch.proto"), Package: proto.String("wearstream.v1"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{message}, EnumType: []*descriptorpb.EnumDescriptorProto{enum},
	}, nil)
	if err != nil {
		panic(err)
	}
	return file.Messages().Get(0)
}()

var scalars = map[string]descriptorpb.FieldDescriptorProto_Type{
	"string": descriptorpb.FieldDescriptorProto_TYPE_STRING, "bytes": descriptorpb.FieldDescriptorProto_TYPE_BYTES,
	"bool": descriptorpb.FieldDescriptorProto_TYPE_BOOL, "uint32": descriptorpb.FieldDescriptorProto_TYPE_UINT32,
	"uint64": descriptorpb.FieldDescriptorProto_TYPE_UINT64, "sint32": descriptorpb.FieldDescriptorProto_TYPE_SINT32,
	"sfixed64": descriptorpb.FieldDescriptorProto_TYPE_SFIXED64,
}

// library reads a payload with the protobuf library.
func library(p []byte) (*dynamicpb.Message, error) {
	m := dynamicpb.NewMessage(descriptor)
	return m, proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(p, m)
}

// libraryBatch is what the library read, in our words.
func libraryBatch(m *dynamicpb.Message) *SampleBatch {
	field := func(number int) protoreflect.FieldDescriptor {
		return descriptor.Fields().ByNumber(protoreflect.FieldNumber(number))
	}
	get := func(number int) protoreflect.Value { return m.Get(field(number)) }
	u32 := func(number int) uint32 { return uint32(get(number).Uint()) }
	b := &SampleBatch{
		Sensor: get(fSensor).String(), Boot: get(fBoot).Uint(), Seq: get(fSeq).Uint(), T0us: get(fT0).Int(),
		RateMHz: u32(fRate), NominalRateMHz: u32(fNominal), Encoding: Encoding(get(fEncoding).Enum()),
		LSBPerG: u32(fLSB), RangeMG: u32(fRange), N: u32(fN), XYZ: get(fXYZ).Bytes(),
		TempT0us: get(fTempT0).Int(), TempRateMHz: u32(fTempRate),
	}
	for readings, i := get(fTemp).List(), 0; i < readings.Len(); i++ {
		b.TempMdegC = append(b.TempMdegC, int32(readings.Get(i).Int()))
	}
	if m.Has(field(fPrevBoot)) {
		b.PrevBootLastSeq = Some(get(fPrevBoot).Uint())
	}
	if m.Has(field(fOldest)) {
		b.OldestSeqHeld = Some(get(fOldest).Uint())
	}
	if m.Has(field(fBattery)) {
		b.BatteryPct = Some(u32(fBattery))
	}
	if m.Has(field(fCharging)) {
		b.Charging = Some(get(fCharging).Bool())
	}
	if m.Has(field(fTicks)) {
		b.TicksUS = Some(get(fTicks).Uint())
	}
	if m.Has(field(fBacklog)) {
		b.Backlog = Some(u32(fBacklog))
	}
	return b
}
