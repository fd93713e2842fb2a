/** Draws placeholders, a few per frame, so that a screenful of them never stops the scrolling. */
import { decodeThumbHash, type Rgba } from "../model/thumbhash";

/** Small is enough: the browser smooths it up, and a quarter of the pixels is a quarter of the work. */
const EDGE_PX = 16;
/** Time for placeholders within one frame of 16.7 ms. */
const BUDGET_MS = 3;

export interface PaintTarget {
  readonly canvas: HTMLCanvasElement;
  /** What to draw; null when the tile shows something else by now. */
  readonly hash: Uint8Array | null;
}

function draw(canvas: HTMLCanvasElement, { width, height, pixels }: Rgba): void {
  const context = canvas.getContext("2d");
  if (context === null) return;
  // Setting a size, even the same one, throws the canvas away and makes a new one.
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  context.putImageData(new ImageData(pixels, width, height), 0, 0);
  canvas.style.visibility = "";
}

export class Painter {
  private readonly waiting = new Set<PaintTarget>();
  private frame = 0;

  enqueue(target: PaintTarget): void {
    this.waiting.add(target);
    if (this.frame === 0) this.frame = requestAnimationFrame(this.paint);
  }

  forget(target: PaintTarget): void {
    this.waiting.delete(target);
  }

  stop(): void {
    cancelAnimationFrame(this.frame);
    this.waiting.clear();
  }

  private readonly paint = (): void => {
    const deadline = performance.now() + BUDGET_MS;
    for (const target of this.waiting) {
      this.waiting.delete(target);
      if (target.hash !== null) draw(target.canvas, decodeThumbHash(target.hash, EDGE_PX));
      if (performance.now() > deadline) break;
    }
    this.frame = this.waiting.size > 0 ? requestAnimationFrame(this.paint) : 0;
  };
}
