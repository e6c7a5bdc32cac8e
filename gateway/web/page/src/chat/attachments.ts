/** Files for a message, within the gateway's limits. */

import type { AttachmentPolicy, AttachmentUpload } from "../client/wire";
import { size } from "../text/amounts";

/** The gateway refuses more in one message. */
export const MAX_FILES = 32;

export interface ChosenFile {
  name: string;
  upload: AttachmentUpload;
  sizeBytes: number;
  /** A picture of it, for pictures. */
  preview?: string;
}

/** Read a file; throws with the reason when it may not be sent. */
export async function readFile(file: File, policy: AttachmentPolicy | undefined): Promise<ChosenFile> {
  const image = file.type.startsWith("image/");
  const limit = image ? policy?.maxImageBytes : policy?.maxBytes;
  if (file.size === 0) throw new Error(`${file.name} is empty`);
  if (limit !== undefined && file.size > limit) {
    throw new Error(`${file.name} has ${size(file.size)}; the gateway takes ${size(limit)} at most`);
  }
  const content = await base64Of(file);
  const upload: AttachmentUpload = {
    content,
    mimeType: file.type || "application/octet-stream",
    fileName: file.name,
    type: image ? "image" : "file",
  };
  // Only bitmaps: an SVG is a document, and nobody needs to see it before it is sent.
  const shown = /^image\/(png|jpeg|gif|webp|avif)$/.test(file.type);
  const preview = shown ? { preview: `data:${file.type};base64,${content}` } : {};
  return { name: file.name, upload, sizeBytes: file.size, ...preview };
}

function base64Of(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ""));
    reader.onerror = () => reject(new Error(`${file.name} cannot be read`));
    reader.readAsDataURL(file);
  });
}
