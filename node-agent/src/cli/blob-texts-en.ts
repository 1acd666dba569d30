// Texts about attachments, in English.

export const blobTextsEn = {
  "about.blob": "attachments, by the hash of their content",
  "about.blob.put": "give files to the hub; prints the reference of each",
  "about.blob.get": "the content of an attachment, to a file or to stdout",
  "about.blob.stat": "what the hub knows of an attachment",
  "argument.blob.file": "file of at most 64 MiB",
  "argument.blob.ref": "sha256: and 64 hex digits",
  "option.blob.type": "what it is, such as image/jpeg",
  "option.blob.chain": "chain that refers to it, of this hub or of one above",
  "option.blob.task": "task that refers to it, of this hub",
  "option.blob.out": "file to write; stdout without it",
  "blob.noFile": "no such file",
  "blob.jsonNeedsFile": "with --json name a file: stdout holds JSON alone",
  "blob.got": "{file}: {size} bytes",
  "blob.size": "{size} bytes",
  "blob.type": "type: {type}",
  "blob.name": "name: {name}",
  "blob.stored": "held since {time}",
};
