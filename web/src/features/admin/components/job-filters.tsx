import { type ReactElement, useState } from "react";

import { Button } from "@/shared/ui";

import type { JobFilter } from "../api";
import { JOB_STATUSES, nameOf } from "../model/words";
import styles from "./admin.module.css";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

interface JobFiltersProps {
  filter: JobFilter;
  /** Names of the queues, as far as they are known. */
  types: readonly string[];
  onFilter: (filter: JobFilter) => void;
}

export function JobFilters({ filter, types, onFilter }: JobFiltersProps): ReactElement {
  const { status, type, photoId } = filter;
  const isFiltered = status !== undefined || type !== undefined || photoId !== undefined;
  // A type from an address can be chosen although no queue has told of it.
  const shownTypes = type === undefined || types.includes(type) ? types : [type, ...types];
  return (
    <form
      className={styles["filters"]}
      aria-label="Filter the jobs"
      onSubmit={(event) => {
        event.preventDefault();
      }}
    >
      <label>
        Status
        <select
          value={status ?? ""}
          onChange={({ target }) => {
            onFilter({ ...filter, status: JOB_STATUSES.find((one) => one === target.value) });
          }}
        >
          <option value="">All</option>
          {JOB_STATUSES.map((one) => (
            <option key={one} value={one}>
              {nameOf(one)}
            </option>
          ))}
        </select>
      </label>
      <label>
        Queue
        <select
          value={type ?? ""}
          onChange={({ target }) => {
            onFilter({ ...filter, type: target.value === "" ? undefined : target.value });
          }}
        >
          <option value="">All</option>
          {shownTypes.map((one) => (
            <option key={one} value={one}>
              {nameOf(one)}
            </option>
          ))}
        </select>
      </label>
      <PhotoFilter
        key={photoId ?? ""}
        photoId={photoId}
        onChange={(next) => {
          onFilter({ ...filter, photoId: next });
        }}
      />
      {isFiltered && (
        <Button
          icon="close"
          onClick={() => {
            onFilter({});
          }}
        >
          Clear
        </Button>
      )}
    </form>
  );
}

interface PhotoFilterProps {
  photoId: string | undefined;
  onChange: (photoId: string | undefined) => void;
}

function PhotoFilter({ photoId, onChange }: PhotoFilterProps): ReactElement {
  const [text, setText] = useState(photoId ?? "");
  const isWrong = text !== "" && !UUID.test(text);
  const apply = (next: string) => {
    setText(next);
    if (next === "") onChange(undefined);
    else if (UUID.test(next)) onChange(next.toLowerCase());
  };
  return (
    <label className={styles["wide"]}>
      Photo id
      <input
        type="text"
        value={text}
        placeholder="All photos"
        spellCheck={false}
        autoComplete="off"
        aria-invalid={isWrong}
        onChange={({ target }) => {
          apply(target.value.trim());
        }}
      />
      {isWrong && <small>This is no whole photo id yet.</small>}
    </label>
  );
}
