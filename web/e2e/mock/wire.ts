/** The mock's photos in the shapes of the API. */
import { type Library, type MockPhoto, placeholderOf, statusOf, versionOf } from "./library.ts";

export function monthColumns(library: Library, month: string): Record<string, unknown> {
  const photos = library.photosOf(month);
  const days = new Map<string, number>();
  for (const { takenLocal } of photos) {
    const day = takenLocal.slice(0, 10);
    days.set(day, (days.get(day) ?? 0) + 1);
  }
  return {
    month,
    version: library.version,
    ids: photos.map(({ id }) => id),
    ratios: photos.map(({ ratio }) => ratio),
    placeholders: photos.map((photo) => (versionOf(photo) > 0 ? placeholderOf(photo) : null)),
    takenLocal: photos.map(({ takenLocal }) => takenLocal),
    days: [...days],
    kinds: photos.map(({ isVideo }) => (isVideo ? "video" : "photo")),
    statuses: photos.map(statusOf),
    v: photos.map(versionOf),
    favorites: photos.map(() => false),
    durations: photos.map(({ isVideo }) => (isVideo ? 83_000 : null)),
  };
}

export function photoDetails(photo: MockPhoto, deletedAt: string | null = null): Record<string, unknown> {
  const status = statusOf(photo);
  const isReady = versionOf(photo) > 0;
  const stateOf = (done: boolean) => (done ? "done" : "running");
  return {
    id: photo.id,
    ownerId: "01900000-0000-7000-8000-aaaaaaaaaaaa",
    status,
    isProcessing: status === "PROCESSING",
    isStored: status === "STORED",
    checksum: photo.checksum,
    size: photo.bytes?.length ?? 4_213_877,
    kind: photo.isVideo ? "video" : "photo",
    mime: photo.isVideo ? "video/mp4" : "image/jpeg",
    filename: photo.filename,
    width: Math.round(3000 * photo.ratio),
    height: 3000,
    durationMs: photo.isVideo ? 83_000 : null,
    takenAt: `${photo.takenLocal}Z`,
    takenLocal: photo.takenLocal,
    offsetMinutes: 120,
    takenSource: "exif",
    place: {
      latitude: 47.60621,
      longitude: 9.12345,
      city: "Konstanz",
      region: "Baden-Württemberg",
      country: "Germany",
    },
    camera: {
      make: "FUJIFILM",
      model: "X-T5",
      lens: "XF 16-55mm F2.8",
      iso: 200,
      aperture: 5.6,
      exposure: 1 / 250,
      focalLength: 23,
    },
    placeholder: isReady ? placeholderOf(photo) : null,
    ratio: photo.ratio,
    favorite: false,
    description: "",
    damaged: null,
    deletedAt,
    v: versionOf(photo),
    steps: [
      { step: "metadata", state: "done", attempts: 1, version: 1 },
      status === "FAILED"
        ? { step: "derive", state: "failed", attempts: 3, version: 1, error: "The file ends before the picture does." }
        : { step: "derive", state: stateOf(isReady), attempts: 1, version: 1 },
      { step: "offload", state: stateOf(status === "STORED"), attempts: 1, version: 1 },
      { step: "faces", state: "skipped", reason: "format.unsupported", attempts: 0, version: 1 },
    ],
    receipt: { state: "stored", at: "2024-12-30T12:00:00Z" },
    createdAt: "2024-12-30T12:00:00Z",
    updatedAt: "2024-12-30T12:00:00Z",
  };
}
