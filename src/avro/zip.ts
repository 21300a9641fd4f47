// Builds a ZIP archive of stored (uncompressed) files in memory, for an import into a registry. All files have the same date.
import { crc32 } from 'node:zlib'

/** 1980-01-01, the earliest date in the ZIP format. */
const DOS_DATE = 0x21

/** Returns an archive of the files in the given order. Folders in names are separated by `/`. */
export function zipStored (files: ReadonlyArray<{ readonly name: string, readonly data: Buffer }>): Buffer {
  const bodies: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const { name, data } of files) {
    const path = Buffer.from(name)
    // The fields common to the local header and the central directory: version, flags (UTF-8 names), method 0, time, date, CRC, sizes,
    // name length.
    const shared = Buffer.alloc(26)
    shared.writeUInt16LE(20, 0)
    shared.writeUInt16LE(0x0800, 2)
    shared.writeUInt16LE(DOS_DATE, 8)
    shared.writeUInt32LE(crc32(data), 10)
    shared.writeUInt32LE(data.length, 14)
    shared.writeUInt32LE(data.length, 18)
    shared.writeUInt16LE(path.length, 22)
    bodies.push(Buffer.from('PK\x03\x04', 'latin1'), shared, path, data)
    const rest = Buffer.alloc(14)
    rest.writeUInt32LE(offset, 10)
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), shared, rest, path)
    offset += 4 + shared.length + path.length + data.length
  }
  const listing = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(files.length, 8)
  end.writeUInt16LE(files.length, 10)
  end.writeUInt32LE(listing.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...bodies, listing, end])
}
