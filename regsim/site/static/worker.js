/* The simulator's own thread: it takes a request, answers it, and can be ended at any time. It is
   started from a blob, so that the page's policy holds for it too: nothing leaves the page. */
let answer = null, python = null;

const boot = async ({ base, wheels }) => {
  const { loadPyodide } = await import(`${base}pyodide/pyodide.mjs`);
  const [made, ...archives] = await Promise.all([
    loadPyodide({ indexURL: `${base}pyodide/`, stdout: () => {}, stderr: () => {} }),
    ...wheels.map(async (name) => (await fetch(`${base}wheels/${name}`)).arrayBuffer()),
  ]);
  python = made;
  for (const archive of archives) python.unpackArchive(archive, "wheel");
  answer = python.pyimport("regsim.site.player").answer;
  postMessage({ ready: true });
};

/* What the course says of one answer; what can be none is an error, in the words of its last line. */
const reply = ({ exercise, question, given }) => {
  try {
    const mark = python.pyimport("regsim.course").exercise(exercise).mark(question, given);
    return { right: mark.right, because: mark.because };
  } catch (error) {
    return { error: error.message.trim().split("\n").pop().replace(/^[\w.]+: /, "") };
  }
};

onmessage = async ({ data }) => {
  try {
    if (data.wheels) await boot(data);
    else if (data.do === "reply") postMessage({ answer: reply(data) });
    else postMessage({ answer: JSON.parse(answer(JSON.stringify(data), (states) => postMessage({ states }))) });
  } catch (error) {
    postMessage({ broken: String(error.message || error).trim().split("\n").pop() });
  }
};
