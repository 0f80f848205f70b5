declare module 'kafkajs-snappy' {
  interface Codec {
    compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>
    decompress(compressed: Buffer): Promise<Buffer>
  }
  export default function createCodec(): Codec
}
