// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";

import {IQUIVerStaking} from "../src/interfaces/IQUIVerStaking.sol";
import {StakingSetup} from "./support/StakingSetup.sol";
import {vm} from "./support/Vm.sol";

contract StakingSlashTest is StakingSetup {
    uint256 private constant BOND = 100 * QUIV;
    uint256 private constant STAKE = 10_000 * QUIV;

    function setUp() public override {
        super.setUp();
        stakeAs(alice, STAKE);
    }

    // proposeSlash

    function test_ProposeFailures() public {
        bytes32 id = staking.evidenceIdOf(alice, IQUIVerStaking.Violation.CanaryFailures, digests(1, 3));
        vm.expectEmit(address(staking));
        emit IQUIVerStaking.SlashProposed(
            alice, id, reporter, IQUIVerStaking.Violation.CanaryFailures, digests(1, 3), STAKE, 150
        );
        eq(reportFailures(alice, 1, 3), id, "id");

        IQUIVerStaking.ReportInfo memory entry = staking.report(alice, id);
        isTrue(entry.status == IQUIVerStaking.ReportStatus.Open, "open");
        eq(entry.reporter, reporter, "reporter");
        eq(entry.proposedAt, START, "time");
        eq(entry.disputableUntil, START + 3 days, "dispute");
        eq(entry.lapsesAt, START + 10 days, "lapse");
        eq(entry.base, STAKE, "base");
        eq(entry.penaltyBps, 150, "penalty");
        eq(info(alice).openReports, 1, "count");
        eq(info(alice).holdUntil, START + 10 days, "hold");
        eq(token.balanceOf(reporter), FUNDS - BOND, "bond");
    }

    function test_ProposePair() public {
        eq(staking.report(alice, reportPair(alice, 1)).penaltyBps, 500, "penalty");
    }

    function test_ProposeRejectsOneself() public {
        vm.expectRevert(IQUIVerStaking.SelfReport.selector);
        vm.prank(alice);
        staking.proposeSlash(alice, IQUIVerStaking.Violation.CanaryFailures, digests(1, 1));
    }

    function test_ProposeRejectsWhereNothingIs() public {
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.NothingToSlash.selector, bob));
        reportFailures(bob, 1, 1);
    }

    function test_ProposeRejectsCounts() public {
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.WrongDigestCount.selector, 0, 1, 20));
        reportFailures(alice, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.WrongDigestCount.selector, 21, 1, 20));
        reportFailures(alice, 1, 21);
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.WrongDigestCount.selector, 3, 2, 2));
        staking.proposeSlash(alice, IQUIVerStaking.Violation.Equivocation, digests(1, 3));
    }

    function test_ProposeRejectsWithoutBond() public {
        vm.prank(reporter);
        token.approve(address(staking), BOND - 1);
        vm.expectRevert();
        reportFailures(alice, 1, 1);
        eq(info(alice).openReports, 0, "no report");
    }

    function test_ProposeCountsUnbonding() public {
        vm.prank(alice);
        staking.requestUnstake(STAKE);
        eq(staking.report(alice, reportFailures(alice, 1, 1)).base, STAKE, "base");
    }

    function test_ProposeWorksWhilePaused() public {
        vm.prank(guardian);
        staking.pause();
        reportFailures(alice, 1, 1);
    }

    // disputeSlash

    function test_Dispute() public {
        bytes32 id = reportFailures(alice, 1, 1);
        skip(3 days - 1);
        vm.expectEmit(address(staking));
        emit IQUIVerStaking.SlashDisputed(alice, id);
        disputeAs(alice, id);
        isTrue(staking.report(alice, id).status == IQUIVerStaking.ReportStatus.Disputed, "disputed");
    }

    function test_DisputeRejectsLate() public {
        bytes32 id = reportFailures(alice, 1, 1);
        skip(3 days);
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.DisputeWindowClosed.selector, START + 3 days));
        disputeAs(alice, id);
    }

    function test_DisputeRejectsOthers() public {
        bytes32 id = reportFailures(alice, 1, 1);
        vm.expectRevert(
            abi.encodeWithSelector(IQUIVerStaking.ReportNotOpen.selector, id, IQUIVerStaking.ReportStatus.None)
        );
        disputeAs(bob, id);
    }

    function test_DisputeRejectsTwice() public {
        bytes32 id = reportFailures(alice, 1, 1);
        disputeAs(alice, id);
        vm.expectRevert(
            abi.encodeWithSelector(IQUIVerStaking.ReportNotOpen.selector, id, IQUIVerStaking.ReportStatus.Disputed)
        );
        disputeAs(alice, id);
    }

    // executeSlash

    function test_Execute() public {
        bytes32 id = reportFailures(alice, 1, 2);
        skip(3 days);
        vm.expectEmit(address(staking));
        emit IQUIVerStaking.SlashExecuted(alice, id, 100 * QUIV, 50 * QUIV, 50 * QUIV);
        vm.prank(carol);
        eq(staking.executeSlash(alice, id), 100 * QUIV, "one per cent");
        eq(info(alice).staked, STAKE - 100 * QUIV, "stake");
        eq(info(alice).tier, 1, "fell to bronze");
        eq(info(alice).openReports, 0, "done");
        eq(info(alice).holdUntil, 0, "no hold");
        eq(token.balanceOf(reporter), FUNDS + 50 * QUIV, "bond and half");
        eq(token.totalSupply(), token.CAP() - 50 * QUIV, "burned");
        // Tokens and not shares, which would mean more the larger the stake has become since.
        eq(staking.slashedInEpoch(alice, START / 7 days), 100 * QUIV, "counted");
        isTrue(staking.report(alice, id).status == IQUIVerStaking.ReportStatus.Executed, "executed");
    }

    function test_ExecuteKeepsRewards() public {
        fund(1_000 * QUIV, 10 days);
        bytes32 id = reportFailures(alice, 1, 2);
        skip(10 days - 1);
        uint256 pending = staking.pendingRewards(alice);
        staking.executeSlash(alice, id);
        eq(staking.pendingRewards(alice), pending, "rewards");
    }

    function test_ExecuteTakesFromUnbondingWhatTheStakeLacks() public {
        vm.prank(alice);
        staking.requestUnstake(STAKE - 30 * QUIV);
        bytes32 id = reportFailures(alice, 1, 1);
        skip(3 days);
        staking.executeSlash(alice, id);
        eq(info(alice).staked, 0, "stake first");
        eq(info(alice).unbonding, STAKE - 50 * QUIV, "then unbonding");
    }

    function test_ExecuteRejectsInTheWindow() public {
        bytes32 id = reportFailures(alice, 1, 1);
        skip(3 days - 1);
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.DisputeWindowOpen.selector, START + 3 days));
        staking.executeSlash(alice, id);
    }

    function test_ExecuteRejectsDisputed() public {
        bytes32 id = reportFailures(alice, 1, 1);
        disputeAs(alice, id);
        skip(3 days);
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.ReportDisputed.selector, id));
        staking.executeSlash(alice, id);
    }

    function test_ExecuteRejectsUnknown() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IQUIVerStaking.ReportNotOpen.selector, bytes32(uint256(1)), IQUIVerStaking.ReportStatus.None
            )
        );
        staking.executeSlash(alice, bytes32(uint256(1)));
    }

    function test_ExecuteRejectsLapsed() public {
        bytes32 id = reportFailures(alice, 1, 1);
        skip(10 days);
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.ReportHasLapsed.selector, START + 10 days));
        staking.executeSlash(alice, id);
    }

    function test_ExecuteStaysWithinTheEpoch() public {
        bytes32 first = reportFailures(alice, 1, 15);
        bytes32 second = reportPair(alice, 1);
        skip(3 days);
        eq(staking.executeSlash(alice, first), 750 * QUIV, "750 bps");
        eq(staking.executeSlash(alice, second), 250 * QUIV, "only what the cap leaves");
        bytes32 third = reportNow(alice, 100, START);
        skip(3 days);
        uint256 stakeBefore = info(alice).staked;
        eq(staking.executeSlash(alice, third), stakeBefore / 200, "another epoch");
    }

    // resolveSlash

    function test_ResolveGuilty() public {
        bytes32 id = reportFailures(alice, 1, 1);
        disputeAs(alice, id);
        skip(9 days);
        vm.prank(arbiter);
        eq(staking.resolveSlash(alice, id, true), 50 * QUIV, "slashed");
        eq(token.balanceOf(reporter), FUNDS + 25 * QUIV, "reporter");
    }

    function test_ResolveNotGuiltyPaysTheAccused() public {
        bytes32 id = reportFailures(alice, 1, 1);
        disputeAs(alice, id);
        vm.expectEmit(address(staking));
        emit IQUIVerStaking.SlashCancelled(alice, id, BOND);
        vm.prank(arbiter);
        eq(staking.resolveSlash(alice, id, false), 0, "nothing slashed");
        eq(token.balanceOf(alice), FUNDS - STAKE + BOND, "the bond");
        eq(info(alice).openReports, 0, "count");
        eq(info(alice).staked, STAKE, "stake");
        isTrue(staking.report(alice, id).status == IQUIVerStaking.ReportStatus.Cancelled, "cancelled");
    }

    function test_ResolveBeforeAnyDispute() public {
        bytes32 id = reportFailures(alice, 1, 1);
        vm.prank(arbiter);
        staking.resolveSlash(alice, id, false);
    }

    function test_ResolveRejectsOthers() public {
        bytes32 id = reportFailures(alice, 1, 1);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, guardian));
        vm.prank(guardian);
        staking.resolveSlash(alice, id, true);
    }

    function test_ResolveRejectsTwice() public {
        bytes32 id = reportFailures(alice, 1, 1);
        vm.startPrank(arbiter);
        staking.resolveSlash(alice, id, true);
        vm.expectRevert(
            abi.encodeWithSelector(IQUIVerStaking.ReportNotOpen.selector, id, IQUIVerStaking.ReportStatus.Executed)
        );
        staking.resolveSlash(alice, id, false);
        vm.stopPrank();
    }

    // lapseSlash

    function test_LapseGivesTheBondBack() public {
        bytes32 id = reportFailures(alice, 1, 1);
        disputeAs(alice, id);
        skip(10 days);
        vm.expectEmit(address(staking));
        emit IQUIVerStaking.SlashLapsed(alice, id, BOND);
        staking.lapseSlash(alice, id);
        eq(token.balanceOf(reporter), FUNDS, "bond");
        isTrue(staking.report(alice, id).status == IQUIVerStaking.ReportStatus.Lapsed, "lapsed");
    }

    function test_LapseRejectsEarlyAndTwice() public {
        bytes32 id = reportFailures(alice, 1, 1);
        skip(10 days - 1);
        vm.expectRevert(abi.encodeWithSelector(IQUIVerStaking.ReportNotLapsed.selector, START + 10 days));
        staking.lapseSlash(alice, id);
        skip(1);
        staking.lapseSlash(alice, id);
        vm.expectRevert(
            abi.encodeWithSelector(IQUIVerStaking.ReportNotOpen.selector, id, IQUIVerStaking.ReportStatus.Lapsed)
        );
        staking.lapseSlash(alice, id);
    }

    // holds

    function test_CountSticksAtItsLargestValue() public {
        bytes32 first = reportFailures(alice, 1, 1);
        for (uint256 i = 2; i <= 256; ++i) reportFailures(alice, i, 1);
        eq(info(alice).openReports, 255, "sticks");
        vm.prank(arbiter);
        staking.resolveSlash(alice, first, false);
        eq(info(alice).openReports, 255, "still");
        skip(10 days);
        eq(info(alice).openReports, 0, "all lapsed");
        reportFailures(alice, 1_000, 1);
        eq(info(alice).openReports, 1, "counted anew");
    }

    function test_HoldEndsWithTheLastReport() public {
        bytes32 first = reportFailures(alice, 1, 1);
        skip(1 days);
        bytes32 second = reportFailures(alice, 2, 1);
        vm.startPrank(arbiter);
        staking.resolveSlash(alice, first, false);
        eq(info(alice).holdUntil, START + 11 days, "held by the second");
        staking.resolveSlash(alice, second, false);
        eq(info(alice).holdUntil, 0, "free");
        vm.stopPrank();
    }

    // fuzz

    function testFuzz_PenaltyIsTheShareRoundedUp(uint256 amount, uint256 part, uint256 count) public {
        amount = between(amount, 1_000 * QUIV, FUNDS);
        count = between(count, 1, 20);
        stakeAs(bob, amount);
        vm.prank(bob);
        staking.requestUnstake(between(part, 1, amount));
        bytes32 id = reportFailures(bob, 1, count);
        skip(3 days);
        uint256 slashed = staking.executeSlash(bob, id);
        uint256 exact = amount * count * 50 / 10_000;
        isTrue(slashed >= exact && slashed <= exact + 1e15, "rounded up, by less than a thousandth of a QUIV");
        eq(info(bob).staked + info(bob).unbonding, amount - slashed, "taken");
    }

    function disputeAs(address account, bytes32 id) private {
        vm.prank(account);
        staking.disputeSlash(id);
    }

    /// @dev A report in the first epoch after that of `since`.
    function reportNow(address account, uint256 first, uint256 since) private returns (bytes32) {
        vm.warp((since / 7 days + 1) * 7 days);
        return reportFailures(account, first, 1);
    }
}
