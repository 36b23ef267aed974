package object

import (
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/klauspost/compress/zstd"
)

// sharedZstd is the library's codec with one encoder for all pages. The library
// makes an encoder of a megabyte for each page, which is most of the time of a
// small file.
type sharedZstd struct {
	compress.Codec
	level1 *zstd.Encoder
}

func (z sharedZstd) EncodeLevel(dst, src []byte, _ int) []byte {
	return z.level1.EncodeAll(src, dst[:0])
}

func init() {
	codec, err := compress.GetCodec(compress.Codecs.Zstd)
	if err != nil {
		panic(err)
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithZeroFrames(true), zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(1)))
	if err != nil {
		panic(err)
	}
	compress.RegisterCodec(compress.Codecs.Zstd, sharedZstd{codec, encoder})
}
