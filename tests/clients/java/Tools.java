import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's console tools one after the other in this process, since each start of Java costs seconds. Reads lines
 * "CLASS TAB STDIN TAB ARGUMENT TAB ..." (in STDIN, "\n" stands for a line's end), answers each by a JSON line with the exit
 * code and what the tool wrote.
 */
public final class Tools {
  /** What a tool's exit becomes here. Some tools catch it, complain, and exit a second time. */
  private static final class Left extends Error {
    Left() {
      super("leaves", null, false, false);
    }
  }

  /** With which code the tool left first; null: not yet. */
  private static Integer left;

  private static final List<Runnable> hooks = new ArrayList<>();

  public static void main(String[] none) throws Exception {
    PrintStream answers = System.out;
    Exit.setExitProcedure((code, message) -> leave(code));
    Exit.setHaltProcedure((code, message) -> leave(code));
    // The console producer sends what it still holds in a hook that the end of the process would run.
    Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] words = line.split("\t", -1);
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      int code = run(words[0], words[1].replace("\\n", "\n"), Arrays.copyOfRange(words, 2, words.length), out);
      answers.println("{\"event\":\"ran\",\"code\":" + code + ",\"out\":" + quoted(out.toString(StandardCharsets.UTF_8)) + "}");
      answers.flush();
    }
    System.exit(0);
  }

  private static int run(String tool, String input, String[] arguments, ByteArrayOutputStream out) throws Exception {
    PrintStream stream = new PrintStream(out, true, StandardCharsets.UTF_8);
    System.setOut(stream);
    System.setErr(stream);
    System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
    left = null;
    try {
      Class.forName(tool).getMethod("main", String[].class).invoke(null, (Object) arguments);
    } catch (InvocationTargetException ended) {
      if (!(ended.getCause() instanceof Left)) {
        ended.getCause().printStackTrace(stream);
        left = 1;
      }
    }
    // A consumer's hook waits for the consumer's own end, which came.
    hooks.forEach(Runnable::run);
    hooks.clear();
    return left == null ? 0 : left;
  }

  private static void leave(int code) {
    if (left == null) {
      left = code;
    }
    throw new Left();
  }

  private static String quoted(String text) {
    StringBuilder quoted = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c == '"' || c == '\\') {
        quoted.append('\\').append(c);
      } else if (c < 0x20) {
        quoted.append("\\u%04x".formatted((int) c));
      } else {
        quoted.append(c);
      }
    }
    return quoted.append('"').toString();
  }
}
