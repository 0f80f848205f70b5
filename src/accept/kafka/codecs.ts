import kafkajs from 'kafkajs'

const { CompressionCodecs, CompressionTypes } = kafkajs

interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>
  decompress(compressed: Buffer): Promise<Buffer>
}

/** Teaches kafkajs the codecs besides gzip. A codec's library is loaded when the first record that needs it arrives. */
export function registerCodecs(): void {
  CompressionCodecs[CompressionTypes.Snappy] = () => snappy
  CompressionCodecs[CompressionTypes.LZ4] = () => lz4
  CompressionCodecs[CompressionTypes.ZSTD] = () => zstd
}

const snappy: Codec = {
  compress: async (encoder) => (await loadSnappy()).compress(encoder),
  decompress: async (compressed) => (await loadSnappy()).decompress(compressed),
}

async function loadSnappy(): Promise<Codec> {
  const { default: createCodec } = await import('kafkajs-snappy')
  return createCodec()
}

/** Kafka's LZ4 is the frame format, not bare blocks. */
const lz4: Codec = {
  async compress(encoder) {
    const { compressFrame } = await import('lz4-napi')
    return compressFrame(encoder.buffer)
  },
  async decompress(compressed) {
    const { decompressFrame } = await import('lz4-napi')
    return decompressFrame(compressed)
  },
}

const zstd: Codec = {
  compress: async (encoder) => Buffer.from((await loadZstd()).compress(encoder.buffer)),
  decompress: async (compressed) => Buffer.from((await loadZstd()).decompress(compressed)),
}

async function loadZstd(): Promise<typeof import('@bokuweb/zstd-wasm')> {
  const library = await import('@bokuweb/zstd-wasm')
  await library.init()
  return library
}
