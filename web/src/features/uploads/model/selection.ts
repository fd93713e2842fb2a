/** Which files of a dropped folder are photos and videos. */

/** A file with the folder it was found in. */
export interface FoundFile {
  file: File;
  /** Path of the folder, empty for a file chosen by itself. */
  folder: string;
}

export interface Selection {
  accepted: FoundFile[];
  /** Files in folders that are neither photo nor video, such as notes and databases of other programs. */
  skipped: number;
}

/** Types that browsers have no MIME type for. */
const MEDIA_EXTENSIONS =
  /\.(jpe?g|png|webp|gif|hei[cf]|avif|tiff?|jxl|dng|cr2|cr3|nef|arw|raf|orf|rw2|mp4|m4v|mov|webm)$/i;
/** Files that systems leave in folders: `.DS_Store`, `._IMG_1.JPG`, `Thumbs.db`. */
const SYSTEM_FILES = /^(\.|thumbs\.db$|desktop\.ini$)/i;

function isMedia({ name, type }: File): boolean {
  if (SYSTEM_FILES.test(name)) return false;
  return MEDIA_EXTENSIONS.test(name) || type.startsWith("image/") || type.startsWith("video/");
}

/** Return what to upload: a file that somebody chose by itself always (the server judges it), others if they are media. */
export function selectMedia(found: readonly FoundFile[]): Selection {
  const accepted = found.filter(({ file, folder }) => folder === "" || isMedia(file));
  return { accepted, skipped: found.length - accepted.length };
}
