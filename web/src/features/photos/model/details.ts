/** The facts of a photo as lines to read. */
import type { Photo } from "@/shared/api";
import { formatBytes, formatDuration, formatLocal, formatOffset } from "@/shared/lib/format";

export interface Fact {
  icon: "files" | "calendar" | "camera" | "place";
  title: string;
  lines: string[];
}

const SOURCES: Readonly<Record<string, string>> = {
  exif: "from the photo's EXIF data",
  xmp: "from its XMP data",
  sidecar: "from its sidecar file",
  container: "from the video file",
  filename: "read from the file name",
  mtime: "from the file's modification time",
  upload: "from the time of its upload",
};

/** Join what is there; the rest of the library knows nothing of null, undefined and "". */
function joined(parts: readonly (string | null | undefined | false)[], separator: string): string {
  return parts.filter((part) => typeof part === "string" && part !== "").join(separator);
}

/** Return an exposure time as photographers write it: `1/250 s`, `2 s`. */
export function formatExposure(exposureS: number): string {
  return exposureS > 0 && exposureS < 0.4 ? `1/${Math.round(1 / exposureS)} s` : `${Number(exposureS.toFixed(1))} s`;
}

function fileFact(photo: Photo): Fact {
  const { width, height } = photo;
  const hasSize = width !== null && height !== null;
  const megapixels = hasSize ? (width * height) / 1e6 : 0;
  const pixels = hasSize && joined([`${width} × ${height}`, megapixels >= 0.1 && `${megapixels.toFixed(1)} MP`], " · ");
  const duration = photo.durationMs !== null && formatDuration(photo.durationMs);
  return {
    icon: "files",
    title: photo.filename,
    lines: [joined([formatBytes(photo.size), pixels, duration], " · "), photo.mime],
  };
}

function dateFact(photo: Photo): Fact {
  const { takenLocal, offsetMinutes, takenSource } = photo;
  const zone = offsetMinutes === null ? "time zone unknown" : formatOffset(offsetMinutes);
  const time = formatLocal(takenLocal, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const source = SOURCES[takenSource] ?? takenSource;
  return {
    icon: "calendar",
    title: formatLocal(takenLocal, { weekday: "long", day: "numeric", month: "long", year: "numeric" }),
    lines: [`${time} · ${zone}`, source].filter((line) => line !== ""),
  };
}

function cameraFact({ camera }: Photo): Fact | null {
  if (!camera) return null;
  const { make, model, lens, iso, aperture, exposure, focalLength } = camera;
  // Many makers repeat their name in the model: "Canon Canon EOS 70D".
  const repeatsMake = make && model?.toLowerCase().startsWith(make.toLowerCase());
  const title = joined([!repeatsMake && make, model], " ");
  const settings = [
    aperture !== null && `ƒ/${aperture}`,
    exposure !== null && formatExposure(exposure),
    iso !== null && `ISO ${iso}`,
    focalLength !== null && `${Number(focalLength.toFixed(1))} mm`,
  ];
  const lines = [joined(settings, " · "), lens ?? ""].filter((line) => line !== "");
  return title === "" && lines.length === 0 ? null : { icon: "camera", title: title || "Camera", lines };
}

function placeFact({ place }: Photo): Fact | null {
  if (!place) return null;
  const coordinates = `${place.latitude.toFixed(5)}, ${place.longitude.toFixed(5)}`;
  const names = joined([place.city, place.region, place.country], ", ");
  return names === ""
    ? { icon: "place", title: coordinates, lines: [] }
    : { icon: "place", title: names, lines: [coordinates] };
}

/** Return the facts in the order in which they are shown; what is not known is left out. */
export function factsOf(photo: Photo): Fact[] {
  const facts = [dateFact(photo), fileFact(photo), cameraFact(photo), placeFact(photo)];
  return facts.filter((fact) => fact !== null);
}
