from my_monit.cli import main

main()
