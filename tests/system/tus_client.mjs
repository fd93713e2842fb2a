// Uploads one file by tus-js-client, stopping and resuming as told; prints the result as one line of JSON.
// argv: package.json beside node_modules, endpoint, token, file, name, protocol, chunk size, abort after bytes, …
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [packageJson, endpoint, token, path, name, protocol, chunkSize, ...aborts] = process.argv.slice(2);
const tus = createRequire(packageJson)("tus-js-client");
const content = readFileSync(path);
const result = { aborts: 0, retries: 0, headers: {} };
const stops = aborts.map(Number);

let url = null;

function start() {
  let isStopped = false;
  const upload = new tus.Upload(content, {
    endpoint,
    uploadUrl: url,
    protocol,
    headers: { Authorization: `Bearer ${token}` },
    metadata: { filename: name, filetype: "video/mp4" },
    chunkSize: Number(chunkSize),
    retryDelays: Array(60).fill(50),
    onShouldRetry: (error) => {
      result.retries += 1;
      const status = error.originalResponse ? error.originalResponse.getStatus() : 0;
      return status < 400 || status >= 500 || status === 409 || status === 423;
    },
    onUploadUrlAvailable: () => {
      url = upload.url;
    },
    onProgress: (sent) => {
      if (!isStopped && url !== null && stops.length > 0 && sent >= stops[0] && sent < content.length) {
        isStopped = true;
        stops.shift();
        result.aborts += 1;
        // As a page that is closed: the next start knows nothing but the address.
        upload.abort().then(() => setTimeout(start, 20));
      }
    },
    onAfterResponse: (request, response) => {
      for (const header of ["Afterglow-Photo-Id", "Afterglow-Checksum", "Afterglow-Result", "Afterglow-Receipt"]) {
        const value = response.getHeader(header);
        if (value) result.headers[header.toLowerCase()] = value;
      }
    },
    onError: (error) => {
      console.log(JSON.stringify({ ...result, error: String(error) }));
      process.exit(1);
    },
    onSuccess: () => {
      console.log(JSON.stringify({ ...result, url }));
      process.exit(0);
    },
  });
  upload.start();
}

start();
