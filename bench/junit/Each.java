import org.junit.runner.Description;
import org.junit.runner.JUnitCore;
import org.junit.runner.notification.Failure;
import org.junit.runner.notification.RunListener;

/** Run the named classes of tests and tell how each test ended; a test whose assumptions do not hold is not told. */
public class Each {
  public static void main(String[] names) throws ClassNotFoundException {
    JUnitCore core = new JUnitCore();
    core.addListener(new Teller());
    for (String name : names) core.run(Class.forName(name));
    System.exit(0); // drivers leave threads behind
  }

  private static class Teller extends RunListener {
    private String end;

    @Override
    public void testStarted(Description test) {
      end = "PASS";
    }

    @Override
    public void testAssumptionFailure(Failure failure) {
      end = null;
    }

    @Override
    public void testFailure(Failure failure) {
      System.out.println(failure.getTrace());
      end = "FAIL";
      if (!failure.getDescription().isTest()) testFinished(failure.getDescription());
    }

    @Override
    public void testFinished(Description test) {
      if (end != null) System.out.println("\n" + end + ": " + test.getClassName() + "." + test.getMethodName());
    }
  }
}
